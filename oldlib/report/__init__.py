"""Claims, figures and the running of chapters. Nothing in here knows any physics."""
