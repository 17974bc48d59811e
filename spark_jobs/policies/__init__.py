"""Policies: readable YAML rules over signals that were measured once; checked, applied, tried and compared."""
