"""What no scan opens: a delay, an estimate that moved, a parcel left waiting. Pure, blind to arrival order."""
