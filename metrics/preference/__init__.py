"""What votes say: win rates, intervals, ranking, sequential stopping, planning, agreement and drivers."""
