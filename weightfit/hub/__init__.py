"""The Hugging Face Hub: pins of the files that a cohort needs, and downloads of pinned files."""

import os

# huggingface_hub reads it when it is imported, which is later: otherwise a request of its own, which tells the
# endpoint what program calls it, would come before the first of ours.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
