"""Building blocks; no codec knows another's."""
