"""HR-VITON: Lee et al., ECCV 2022, github.com/sangyun884/HR-VITON."""
