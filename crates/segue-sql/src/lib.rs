//! Answer SQL in this process, over the lake and the connections.
