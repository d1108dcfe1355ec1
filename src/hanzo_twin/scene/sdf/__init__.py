"""Reading SDFormat (``.sdf``, ``.world``): includes and frames are resolved here, then a USD layer is written."""
