"""What a package beside lvc may bring."""
