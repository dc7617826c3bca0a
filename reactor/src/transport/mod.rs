//! How bytes come and go: the poller, listeners and streams. Knows nothing of HTTP.
