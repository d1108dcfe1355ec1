"""Reading OpenUSD: everything that knows of stages, degrees, stage units and up axes."""
