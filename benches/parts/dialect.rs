//! A file of 10,000 sections: what makes sections and options of its text, and the whole reading of it.

use std::fmt::Write as _;
use std::path::Path;

use criterion::{Criterion, Throughput};
use esi_event_actions::app::parts;
use esi_event_actions::core::ini::merged;

pub(crate) fn bench(criterion: &mut Criterion) {
    let text = text(10_000);
    let mut group = criterion.benchmark_group("dialect");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("sections and options", |bencher| {
        bencher.iter(|| merged::read(&text, &|_| false));
    });
    group.bench_function("rules", |bencher| {
        bencher.iter(|| parts::read(&text, Path::new("/etc/file")));
    });
    group.finish();
}

/// With comments, values of several lines and references, as people write them.
fn text(sections: usize) -> String {
    let mut text = String::from("[DEFAULT]\nfolder = /usr/local/lib/actions\nretries = 2\n");
    for place in 0..sections {
        write!(
            text,
            "\n# What is done with rack {place}.\n[rule-{place}]\nevents = esi_leap.lease.fulfill.end,\n    \
             esi_leap.lease.delete.end\nscript = %(folder)s/prepare.sh  ; ours\n\
             script_params = node_name, purpose\nfilter_params = {{\"properties.rack\": \"{place}\"}}\n"
        )
        .expect("memory");
    }
    text
}
