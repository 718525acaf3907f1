"""The Hugging Face Hub: pins of the files that a cohort needs, and downloads of pinned files."""

import os

# huggingface_hub reads this variable when it is imported, which happens after this line. Without it, the
# library would send a request of its own, which names the calling program, before our first request.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
