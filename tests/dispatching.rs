//! Which runs start when: rules, keys, places, retries, limits, and what the operator says.

mod keys;
mod operator;
mod scripts;
