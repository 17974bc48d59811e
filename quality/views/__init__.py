"""The pages of the reports: each a pure function of the lake, for the web and for plain files alike."""
