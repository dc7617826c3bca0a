//! What the users of the engine write: handlers, middleware and observers.
