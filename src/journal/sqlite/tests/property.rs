//! Any sequence of accepts, windows, cancels, quarantined deliveries, claims, ends, steps of chains, crashes, clock
//! steps and commands beside the service does exactly what a plain list of runs would do.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::world::World;
use crate::core::run::Transition;

#[derive(Clone, Debug)]
enum Op {
    Accept {
        event: (u8, u8, u8),
        delay: u8,
        age: Option<u8>,
        beside: bool,
    },
    AcceptThrottled {
        event: (u8, u8, u8),
        group: u8,
        beside: bool,
    },
    Prune,
    Quarantine {
        body: u8,
        key: u8,
        beside: bool,
    },
    Release {
        which: Index,
        event: (u8, u8, u8),
        beside: bool,
    },
    Drop {
        which: Index,
        beside: bool,
    },
    Claim {
        limit: usize,
    },
    Record {
        which: Index,
        transition: Transition,
        delay: i64,
    },
    RecordAgain {
        which: Index,
        transition: Transition,
    },
    Crash,
    ClockStep {
        seconds: i64,
    },
    ClockStepped,
    Retry {
        which: Index,
        beside: bool,
    },
    Cancel {
        which: Index,
        beside: bool,
    },
    CancelBy {
        rule: &'static str,
        key: u8,
        running: bool,
        beside: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let transition = || {
        prop_oneof![
            4 => Just(Transition::Succeed),
            4 => Just(Transition::Fail),
            2 => Just(Transition::Discard),
            1 => Just(Transition::Interrupt),
            1 => Just(Transition::Cancel),
            2 => Just(Transition::Proceed),
        ]
    };
    let which = any::<Index>;
    prop_oneof![
        6 => ((0..12_u8, 0..8_u8, 0..3_u8), prop_oneof![2 => Just(0), 1 => 1..60_u8], prop::option::of(0..200_u8), any::<bool>())
            .prop_map(|(event, delay, age, beside)| Op::Accept { event, delay, age, beside }),
        6 => ((0..24_u8, 0..3_u8, 0..3_u8), 0..3_u8, any::<bool>())
            .prop_map(|(event, group, beside)| Op::AcceptThrottled { event, group, beside }),
        1 => Just(Op::Prune),
        2 => (0..4_u8, 0..4_u8, any::<bool>())
            .prop_map(|(body, key, beside)| Op::Quarantine { body, key, beside }),
        1 => (which(), (0..24_u8, 0..8_u8, 0..3_u8), any::<bool>())
            .prop_map(|(which, event, beside)| Op::Release { which, event, beside }),
        1 => (which(), any::<bool>()).prop_map(|(which, beside)| Op::Drop { which, beside }),
        8 => (0..5_usize).prop_map(|limit| Op::Claim { limit }),
        8 => (which(), transition(), 0..3600_i64).prop_map(|(which, transition, delay)| Op::Record { which, transition, delay }),
        1 => (which(), transition()).prop_map(|(which, transition)| Op::RecordAgain { which, transition }),
        1 => Just(Op::Crash),
        2 => (-40..40_i64).prop_map(|seconds| Op::ClockStep { seconds }),
        2 => (-86_400..86_400_i64).prop_map(|seconds| Op::ClockStep { seconds }),
        1 => Just(Op::ClockStepped),
        3 => (which(), any::<bool>()).prop_map(|(which, beside)| Op::Retry { which, beside }),
        2 => (which(), any::<bool>()).prop_map(|(which, beside)| Op::Cancel { which, beside }),
        2 => (prop_oneof![Just("create"), Just("tell")], 0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(rule, key, running, beside)| Op::CancelBy { rule, key, running, beside }),
    ]
}

/// Does `op` to the journal and to the list.
async fn apply(world: &mut World, op: &Op) {
    match op {
        Op::Accept {
            event,
            delay,
            age,
            beside,
        } => world.accept(*event, (*delay, *age), *beside).await,
        Op::AcceptThrottled {
            event,
            group,
            beside,
        } => world.accept_throttled(*event, *group, *beside).await,
        Op::Prune => world.prune().await,
        Op::Quarantine { body, key, beside } => world.quarantine(*body, *key, *beside).await,
        Op::Release {
            which,
            event,
            beside,
        } => {
            if world.held() > 0 {
                world
                    .release(which.index(world.held()), *event, *beside)
                    .await;
            }
        }
        Op::Drop { which, beside } => {
            if world.held() > 0 {
                world
                    .drop_delivery(which.index(world.held()), *beside)
                    .await;
            }
        }
        Op::Claim { limit } => world.claim(*limit).await,
        Op::Record {
            which,
            transition,
            delay,
        } => {
            let running = world.running();
            if !running.is_empty() {
                world
                    .record(running[which.index(running.len())], *transition, *delay)
                    .await;
            }
        }
        Op::RecordAgain { which, transition } => {
            let ended = world.ended();
            if !ended.is_empty() {
                world
                    .record_again(ended[which.index(ended.len())], *transition)
                    .await;
            }
        }
        Op::Crash => world.crash().await,
        Op::ClockStep { seconds } => world.step_clock(*seconds),
        Op::ClockStepped => world.clock_stepped().await,
        Op::Retry { which, beside } => {
            if world.len() > 0 {
                world.retry(which.index(world.len()), *beside).await;
            }
        }
        Op::Cancel { which, beside } => {
            if world.len() > 0 {
                world.cancel(which.index(world.len()), *beside).await;
            }
        }
        Op::CancelBy {
            rule,
            key,
            running,
            beside,
        } => world.cancel_by(rule, *key, *running, *beside).await,
    }
    world.give_turns();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_keep_their_order_and_none_is_lost_or_made_twice(ops in prop::collection::vec(op(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let story = async {
            let mut world = World::new().await;
            for op in &ops {
                apply(&mut world, op).await;
                world.compare().await;
            }
            world.drain().await;
            world.compare().await;
        };
        let limit = async { tokio::time::timeout(Duration::from_secs(60), story).await };
        runtime.block_on(limit).expect("the journal answers");
    }
}
