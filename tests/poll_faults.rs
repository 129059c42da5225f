//! `poll` when something fails: the client, the cloud, the poller itself. Nothing is lost, nothing
//! is run twice, and whoever looks is told why.

mod kills;
mod listing;
mod secrets;
mod stops;
