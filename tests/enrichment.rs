//! The lease that a row is about: when it is asked for and when not, what becomes of runs while it
//! cannot be shown, and that rules see in it what they would see on the bus.

mod asking;
mod awaiting;
mod both_feeds;
mod faults;
mod outage;
mod values;
