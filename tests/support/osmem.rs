//! A real search engine: osmem-server, which holds indices in memory and speaks the protocol of `OpenSearch`. It has
//! neither credentials nor ES|QL.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::broker::run_script;
use super::sender::{request, send};

/// Where `scripts/install-wheels` puts it.
const PROGRAM: &str = "target/wheels/osmem_server/bin/osmem-server";

/// One without indices; it ends with this value.
pub(crate) struct Osmem {
    process: Child,
    port: u16,
}

impl Osmem {
    pub(crate) fn start() -> Self {
        run_script("install-wheels", &[]).unwrap_or_else(|why| panic!("{why}"));
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
        // It ends when its standard input does: with this process, however that ends.
        let process = Command::new(program)
            .args(["-addr", "127.0.0.1:0", "-no-ja"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut process = process.expect("osmem-server");
        let output = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("what it says when it is there");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        let url = said["url"].as_str().expect("its address");
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.expect("a port");
        Self { process, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has it do something, like `PUT /orders` with the settings of that index.
    pub(crate) fn tell(&self, line: &str, body: &str) {
        let answer = send(self.port, &request(line, &[], body)).expect("an answer");
        assert!(matches!(answer.0, 200 | 201), "{line}: {}", answer.1);
    }

    /// Makes an index with fields of these types.
    pub(crate) fn make(&self, index: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter();
        let properties: Value = fields
            .map(|(name, kind)| ((*name).to_owned(), json!({"type": kind})))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let settings = json!({"mappings": {"properties": properties}});
        self.tell(&format!("PUT /{index}"), &settings.to_string());
    }

    /// Puts documents into an index, where they are found at once; their ids are their numbers, from 0 on.
    pub(crate) fn fill(&self, index: &str, documents: &[Value]) {
        let lines = documents.iter().enumerate().map(|(number, document)| {
            let place = json!({"index": {"_index": index, "_id": number.to_string()}});
            format!("{place}\n{document}\n")
        });
        let lines: String = lines.collect();
        self.tell("POST /_bulk?refresh=true", &lines);
    }
}

impl Drop for Osmem {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
