"""Matrices on which power laws are certified, made from seeds: Gaussian, heavy-tailed, spiked, of low rank."""

from collections.abc import Callable

import numpy as np

SIGMA = 0.05


def rounded(weights: np.ndarray) -> np.ndarray:
    """Cut float32 weights to the digits of BF16."""
    return (weights.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def spiked(random: np.random.Generator) -> np.ndarray:
    """Draw Gaussian weights and add eight directions whose singular values fall like a power."""
    left, right = (np.linalg.qr(random.standard_normal((size, 8)))[0] for size in (320, 448))
    return random.standard_normal((320, 448)) + left * (400 / np.arange(1.0, 9.0)) @ right.T


DRAWN: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "gaussian_384x384": lambda random: random.standard_normal((384, 384)),
    "gaussian_192x576": lambda random: random.standard_normal((192, 576)),
    "gaussian_bf16_640x256": lambda random: rounded(random.standard_normal((640, 256))),
    "student_3_300x200": lambda random: random.standard_t(3, (300, 200)),
    "student_1.5_256x512": lambda random: random.standard_t(1.5, (256, 512)),
    "pareto_2_240x240": lambda random: random.pareto(2, (240, 240)) * random.choice([-1, 1], (240, 240)),
    "lognormal_200x600": lambda random: (
        random.lognormal(0, 1, (200, 600)) * random.choice([-1, 1], (200, 600))
    ),
    "spiked_320x448": spiked,
    "rank_90_400x300": lambda random: random.standard_normal((400, 90)) @ random.standard_normal((90, 300)),
}


def seeded(name: str) -> np.ndarray:
    """Return one of the matrices, float32; each has the place of its name as seed."""
    random = np.random.default_rng([20261129, list(DRAWN).index(name)])
    return (SIGMA * DRAWN[name](random)).astype(np.float32)
