"""Reading URDF: checked here with line numbers, converted to USD, and cleaned up after the conversion."""
