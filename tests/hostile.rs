//! What tenants and strangers can put on the bus: it reaches a script as it is or not at all, and
//! stops nothing. And what other users of the machine could do.

mod bodies;
mod compressed;
mod others;
mod quarantine;
mod secrets;
mod terminal;
mod values;
