//! What is taken from many measurements.

use std::time::{Duration, Instant};

use super::counts::{Counts, LONGEST};

/// The value below which this part of all is.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the place of a value in a short list"
    )]
    let place = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted[place]
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// How many a second that is.
pub(crate) fn rate(count: usize, took: Duration) -> f64 {
    per(count, 1.0) / took.as_secs_f64()
}

/// A count in units of this size.
pub(crate) fn per(count: usize, unit: f64) -> f64 {
    let count = u32::try_from(count).expect("at most some millions");
    f64::from(count) / unit
}

/// Waits until so many runs are in this state.
pub(crate) fn wait_for(counts: &Counts, count: usize, state: &str) {
    let began = Instant::now();
    let count = count as u64;
    while counts.in_state(state) < count {
        assert!(began.elapsed() < LONGEST, "{:?}", counts.now());
        // Short beside what is measured, and seldom enough to cost the service nothing.
        std::thread::sleep(Duration::from_millis(5));
    }
}
