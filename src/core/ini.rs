//! INI text → sections with options, each at its place: the dialect, inheritance and interpolation of
//! Python's `configparser`. It knows no option.
//!
//! ```text
//! text ──dialect, raw──▶ options as written ──merged──▶ options as meant
//! ```
//!
//! Every step makes as much as it can out of its input and collects all
//! [`Problems`](problem::Problems), so that the operator sees them in one report.

mod dialect;
mod interpolation;
pub mod merged;
pub mod problem;
mod raw;
pub mod text;

pub(crate) use dialect::lines;

/// What the tests take for secret.
#[cfg(test)]
pub(crate) fn secret(name: &str) -> bool {
    matches!(name, "password" | "transport_url")
}
