"""Small real transformers, trained from scratch with JAX: the stand-ins of the default cohort.

Importing this package fixes the number of threads that XLA computes with to one. It must come before jax is
imported: with more threads XLA splits sums differently, so that the trained weights would depend on how many
cores a machine has or a job was given.
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
