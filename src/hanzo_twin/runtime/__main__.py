"""``python -m hanzo_twin.runtime SPEC.json`` runs one twin."""

import sys

from hanzo_twin.runtime.process import main

sys.exit(main(sys.argv[1:]))
