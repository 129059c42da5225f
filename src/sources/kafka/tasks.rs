//! The questions to the brokers, as tasks: which partitions there are, and where new ones begin.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Kafka;
use super::client::{Cluster, Trouble};
use super::memory::{Start, Topics};
use super::reader::Answer;

/// What a task has come to.
pub(super) enum Done {
    Looked(Result<(Arc<Cluster>, Topics), Trouble>),
    Begun(String, Result<Vec<(i32, i64)>, Trouble>),
    Answered(Answer),
}

/// Looks for topics; over another connection, if the one that there was is of no use any more.
pub(super) async fn look(kafka: Arc<Kafka>, cluster: Option<Arc<Cluster>>) -> Done {
    let looking = async {
        if let Some(cluster) = cluster {
            match cluster.topics(&kafka.topics).await {
                Ok(topics) => return Ok((cluster, topics)),
                Err(trouble) => tracing::debug!("failed to look for topics: {trouble:?}"),
            }
        }
        let cluster = Arc::new(Cluster::connect(&kafka).await?);
        let topics = cluster.topics(&kafka.topics).await?;
        Ok((cluster, topics))
    };
    Done::Looked(looking.await)
}

/// Finds the beginnings of all of these partitions, or of none: those that are found later count as new.
pub(super) async fn begin(
    cluster: Arc<Cluster>,
    topic: String,
    partitions: BTreeSet<i32>,
    start: Start,
) -> Done {
    let finding = async {
        let mut offsets = Vec::new();
        for number in partitions {
            let partition = cluster.partition(&(topic.clone(), number)).await?;
            offsets.push((number, partition.begin(start).await?));
        }
        Ok(offsets)
    };
    let result = finding.await;
    Done::Begun(topic, result)
}
