"""From due to handed over: claim → read → judge → write out → begin → call."""
