use super::*;

/// Rows with these ids, each event at a time of its own.
fn rows(ids: impl IntoIterator<Item = i64>) -> Vec<Row> {
    ids.into_iter()
        .map(|id| Row {
            id,
            event_type: "t".into(),
            event_time: format!("time {id}"),
            object_type: "lease".into(),
            object_uuid: "l".into(),
            resource_type: None,
            resource_uuid: None,
            lessee_id: None,
            owner_id: None,
        })
        .collect()
}

fn ids(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

fn new_ids(window: &Window, found: Vec<Row>) -> Vec<i64> {
    match window.continuity(found) {
        Continuity::Continues(rows) => ids(&rows),
        other => panic!("{other:?}"),
    }
}

/// From where, ids there are, overlap; position, floor, new ids among them.
type Case = (Start, &'static [i64], i64, i64, i64, &'static [i64]);

#[test]
fn a_beginning_is_where_it_is_asked_for() {
    let cases: &[Case] = &[
        (Start::Now, &[], 200, 0, 0, &[]),
        (Start::Now, &[7, 3, 5], 200, 7, 0, &[]),
        (Start::Now, &[300, 150, 1], 200, 300, 100, &[]),
        (Start::Now, &[300], 0, 300, 299, &[]),
        (Start::First, &[7, 3, 5], 200, 0, 0, &[3, 5, 7]),
        (Start::Id(3), &[7, 3, 5], 200, 3, 0, &[5, 7]),
        (Start::Id(4), &[7, 3, 5], 0, 4, 2, &[5, 7]),
        (Start::Id(1000), &[7, 3], 200, 1000, 6, &[]),
        (Start::Id(-1), &[7, 3], 200, 0, 0, &[3, 7]),
    ];
    for (from, there, overlap, position, floor, new) in cases {
        let there = rows(there.iter().copied());
        let window = Window::begin(*from, &there, *overlap, 1);
        let shown = (window.position(), window.floor());
        assert_eq!(shown, (*position, *floor), "{from:?}");
        assert_eq!(new_ids(&window, there), *new, "{from:?}");
    }
}

#[test]
fn late_lower_ids_are_new_and_seen_ones_are_not() {
    let mut window = Window::begin(Start::First, &[], 5, 1);
    let first = rows([8, 10, 9]);
    assert_eq!(new_ids(&window, first.clone()), [8, 9, 10]);
    window.advance(&first, 5);
    assert_eq!((window.position(), window.floor()), (10, 5));
    // 7 was committed late; 5 and what is before are done with; 10 came twice.
    let found = rows([12, 5, 10, 7, 8, 10, 9]);
    assert_eq!(new_ids(&window, found), [7, 12]);
    window.advance(&rows([7]), 5);
    assert_eq!((window.position(), window.floor()), (10, 5));
    window.advance(&rows([12]), 5);
    assert_eq!((window.position(), window.floor()), (12, 7));
    assert_eq!(new_ids(&window, rows([8, 9, 10, 11, 12])), [11]);
}

#[test]
fn the_last_row_seen_is_never_forgotten() {
    let mut window = Window::begin(Start::Now, &rows([100]), 0, 1);
    assert_eq!(new_ids(&window, rows([100])), [0_i64; 0]);
    window.advance(&rows([200]), 0);
    assert_eq!((window.position(), window.floor()), (200, 199));
    assert_eq!(new_ids(&window, rows([200, 201])), [201]);
}

#[test]
fn another_history_is_noticed() {
    let mut window = Window::begin(Start::First, &[], 200, 1);
    window.advance(&rows(1..=40), 200);
    let mut same_ids = rows([39, 40, 41]);
    same_ids[1].event_time = "another".into();
    assert_eq!(
        window.continuity(same_ids.clone()),
        Continuity::DifferentHistory(40)
    );
    assert_eq!(window.recheck_with_all_rows(same_ids, 200), Err(41));
    // Nothing that was seen is there: all rows tell.
    let mut long = window.clone();
    long.advance(&rows(1000..=1010), 200);
    assert_eq!(long.continuity(Vec::new()), Continuity::NoOverlap);
    assert_eq!(long.recheck_with_all_rows(Vec::new(), 200), Err(0));
    assert_eq!(long.recheck_with_all_rows(rows([1, 2]), 200), Err(2));
    let (same, new) = long
        .recheck_with_all_rows(rows([5, 1009, 1011]), 200)
        .unwrap();
    assert_eq!((same, ids(&new)), (long.clone(), vec![1011]));
    // What may be seen has changed, and ids go on: what is from before is not new, and is known from
    // then on.
    let visible = rows([5, 990, 1020]);
    let (changed, new) = long.recheck_with_all_rows(visible.clone(), 200).unwrap();
    assert_eq!((changed.position(), ids(&new)), (1010, vec![1020]));
    assert_eq!(new_ids(&changed, visible), [1020]);
    // One that has seen nothing cannot tell.
    let empty = Window::begin(Start::Now, &[], 200, 1);
    assert_eq!(
        empty.continuity(Vec::new()),
        Continuity::Continues(Vec::new())
    );
}

#[test]
fn a_cursor_keeps_the_window() {
    let mut window = Window::begin(Start::Now, &rows([1, 2, 3]), 2, 3);
    window.advance(&rows([9]), 2);
    let cursor = window.cursor();
    assert_eq!(window.position(), 9);
    assert_eq!(Window::of(&cursor).unwrap(), window);
    let damaged = Cursor("{}".into());
    assert!(Window::of(&damaged).is_err());
}

proptest::proptest! {
    /// However rows are committed, if none is later than the overlap, each is new exactly once.
    #[test]
    fn each_row_is_new_once(order in proptest::collection::vec(0..6_i64, 1..120), step in 1..20_usize) {
        // Row k is committed at time k + order[k]: at most five ids late.
        let mut commits: Vec<(i64, i64)> = order
            .iter()
            .zip(1..)
            .map(|(late, id)| (id + late, id))
            .collect();
        commits.sort_unstable();
        let mut window = Window::begin(Start::First, &[], 6, 1);
        let mut new = Vec::new();
        for until in (step..=commits.len()).step_by(step).chain([commits.len()]) {
            let there = commits[..until].iter().map(|(_, id)| *id);
            let answer: Vec<i64> = there.filter(|id| *id > window.floor()).collect();
            let Continuity::Continues(found) = window.continuity(rows(answer)) else {
                panic!("the same history");
            };
            new.extend(ids(&found));
            window.advance(&found, 6);
        }
        new.sort_unstable();
        let all: Vec<i64> = (1..).take(order.len()).collect();
        proptest::prop_assert_eq!(new, all);
    }
}
