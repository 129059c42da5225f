//! A notification as it comes over the bus, decoded for rules that want it, and for rules that do not.

use criterion::{BatchSize, Criterion, Throughput};
use esi_event_actions::sources::amqp::notification::Labels;
use esi_event_actions::sources::{Decoded, Interest, amqp};

use crate::captured::{self, Driver};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for driver in Driver::ALL {
        let body = captured::first(driver, "esi_leap.lease.fulfill.end").body;
        group.throughput(Throughput::Bytes(body.len() as u64));
        let interests = [
            ("wanted", Interest::in_all()),
            ("not wanted", Interest::new(|_| false)),
        ];
        for (name, interest) in interests {
            let labels = Labels::default();
            let decoded = amqp::decoded(&interest, "bus", "queue", &labels, body.clone().into());
            match (name, decoded) {
                ("wanted", Some(Decoded::Event(_))) | ("not wanted", None) => {}
                (_, decoded) => panic!("{name}: {decoded:?}"),
            }
            group.bench_function(format!("{driver:?}/{name}"), |bencher| {
                bencher.iter_batched(
                    || body.clone().into_bytes(),
                    |body| amqp::decoded(&interest, "bus", "queue", &labels, body),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}
