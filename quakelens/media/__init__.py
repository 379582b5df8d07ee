"""Pictures that posts carry: fetching them safely."""
