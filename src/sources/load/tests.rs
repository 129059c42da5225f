//! Loads that cross the lines, and swing between them.

use super::*;

#[test]
fn a_line_is_crossed_once_and_what_swings_between_two_crosses_none() {
    let opening = Opening::of_tests("load:busy");
    let cases: [(f64, f64, &[f64], &[&str]); 5] = [
        (4.0, 2.0, &[0.0, 4.0, 3.9], &[]),
        (4.0, 2.0, &[4.1, 9.0, 3.0, 4.5, 2.0], &["busy.above#1"]),
        (
            4.0,
            2.0,
            &[5.0, 1.9, 3.0, 4.1],
            &["busy.above#1", "busy.below#2", "busy.above#3"],
        ),
        // Of one line alone, to be on it is to have crossed it in neither direction.
        (
            4.0,
            4.0,
            &[4.0, 5.0, 4.0, 3.0],
            &["busy.above#1", "busy.below#2"],
        ),
        (0.0, 0.0, &[0.0, 0.1, 0.0], &["busy.above#1"]),
    ];
    for (above, below, loads, expected) in cases {
        let lines = Lines { above, below };
        let every = Duration::from_secs(1);
        let (load, mut memory) = (Load { lines, every }, Memory::default());
        let mut told = Vec::new();
        for one in loads {
            let (event, after) = load.judge([*one, 0.0, 0.0], memory, &opening);
            told.extend(event.map(|it| format!("{}{}", it.event_type, it.id.replace("busy", ""))));
            // What is remembered is what is on disk.
            memory = serde_json::from_str(&serde_json::to_string(&after).unwrap()).unwrap();
        }
        assert_eq!(told, expected, "{above} {below} {loads:?}");
    }
}

#[test]
fn the_kernels_line_has_three_averages() {
    let line = "7.53 9.10 9.44 3/512 12345\n";
    assert_eq!(averages(line), Some([7.53, 9.10, 9.44]));
    for line in ["", "7.53 9.10", "a b c"] {
        assert_eq!(averages(line), None, "{line}");
    }
    let own = std::fs::read_to_string(LOADAVG).unwrap();
    assert!(averages(&own).is_some(), "{own}");
}
