-- For wrk: every request has a body of 16 KiB.
wrk.method = "POST"
wrk.body = string.rep("x", 16384)
