//! What tenants and strangers can put on the bus: it reaches a script as it is or not at all, and
//! stops nothing.

mod bodies;
mod quarantine;
mod secrets;
mod terminal;
mod values;
