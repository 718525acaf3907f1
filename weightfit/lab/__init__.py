"""Trains small transformers from scratch with JAX; they are the stand-ins of the default cohort.

Importing this package limits XLA to one thread. The import must come before that of jax: with more threads XLA
splits sums differently, so the trained weights would depend on how many cores a machine has or a job was given.
"""

import os
import sys

from weightfit.errors import LateThreadLimit

if "jax" in sys.modules and os.environ.get("NPROC") != "1":
    raise LateThreadLimit(
        "jax was imported before weightfit.lab, which must set NPROC=1 first so that trained weights do not "
        "depend on the number of cores: import weightfit.lab before jax, or start Python with NPROC=1"
    )
os.environ["NPROC"] = "1"
