"""Networks that enlarge photos: SRGAN and Real-ESRGAN."""
