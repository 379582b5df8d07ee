"""What runs: each flow composes tasks and reads on one screen."""
