"""A second Pico that measures what the board under test does, and both of them as two virtual Picos in one time."""
