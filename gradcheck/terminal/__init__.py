"""What the command line prints: tables and sentences that fit 80 columns, on paper as on a dark screen."""
