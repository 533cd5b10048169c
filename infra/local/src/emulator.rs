//! The emulated AWS: ministack as a child process on a free loopback port, and the clients that speak to it.
//!
//! Roles and signatures are enforced (`AUTH=true`). The key `test` is the account's root, whose signature it doesn't
//! check; the functions get temporary credentials of their roles.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde::Deserialize;

use crate::error::{LocalError, Result};
use crate::layout::{Layout, tail};
use crate::program::{Group, logged};

/// The region that the emulator plays.
pub const REGION: &str = "eu-central-1";
/// The root's key and secret.
pub(crate) const ROOT_KEY: &str = "test";

/// Runs ministack. Its server of Lambda's runtime API writes the head of an answer and then its body, and TCP would hold back the
/// body until the function's side has acknowledged the head: 40 ms of each invocation, which Lambda doesn't take.
const LAUNCH: &str = "import socketserver; socketserver.StreamRequestHandler.disable_nagle_algorithm = True; \
    from ministack.app import main; main()";

/// It is up in a second; a machine that does other things besides may take longer.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Between being told a free port and listening on it, another program may take it.
const PORT_TRIES: u32 = 3;

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    endpoint: String,
    group: Group,
    log: PathBuf,
    http: reqwest::Client,
}

impl Emulator {
    /// Starts it; `function_environment` reaches every function, which inherits the emulator's environment.
    pub(crate) async fn start(layout: &Layout, function_environment: &[(&str, String)]) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(LocalError::aws("building the HTTP client"))?;
        let mut tries = 1;
        loop {
            let mut emulator = Self::launch(layout, function_environment, http.clone()).await?;
            match emulator.await_health().await {
                Err(_) if tries < PORT_TRIES => tries += 1,
                outcome => return outcome.map(|()| emulator),
            }
        }
    }

    async fn launch(
        layout: &Layout,
        function_environment: &[(&str, String)],
        http: reqwest::Client,
    ) -> Result<Self> {
        let log = layout.log("aws");
        let port = free_port().await.map_err(LocalError::file(&log))?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let port = port.to_string();
        let (home, tmp) = (layout.work.join("home"), layout.work.join("tmp"));
        let mut environment = vec![
            ("HOME", home.as_os_str()),
            ("TMPDIR", tmp.as_os_str()),
            ("BIND_HOST", OsStr::new("127.0.0.1")),
            ("MINISTACK_HOST", OsStr::new("127.0.0.1")),
            ("MINISTACK_REGION", OsStr::new(REGION)),
            ("GATEWAY_PORT", OsStr::new(&port)),
            ("AUTH", OsStr::new("true")),
            // The functions inherit these: without the first they would call the real AWS.
            ("AWS_ENDPOINT_URL", OsStr::new(&endpoint)),
            ("AWS_EC2_METADATA_DISABLED", OsStr::new("true")),
        ];
        environment.extend(
            function_environment
                .iter()
                .map(|(name, value)| (*name, OsStr::new(value))),
        );
        let python = layout.tool("emulator", "python")?;
        let group = Group::start(&python, &environment, "ministack", |command| {
            command.args(["-c", LAUNCH]).current_dir(&layout.work);
            logged(command, &log)
        })?;
        Ok(Self {
            endpoint,
            group,
            log,
            http,
        })
    }

    async fn await_health(&mut self) -> Result<()> {
        let begun = Instant::now();
        let address = format!("{}/_ministack/health", self.endpoint);
        loop {
            self.check()?;
            if self
                .http
                .get(&address)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                // Somebody else may have answered on a port that was taken.
                return self.check();
            }
            if begun.elapsed() > START_TIMEOUT {
                return Err(self.failed(format!("did not come up within {START_TIMEOUT:?}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.group.has_ended() {
            Err(self.failed("ended by itself".to_owned()))
        } else {
            Ok(())
        }
    }

    fn failed(&self, what: String) -> LocalError {
        LocalError::Emulator {
            what,
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The configuration of SDK clients with the root's key.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "local run"))
            .load()
            .await
    }

    /// The outputs of a stack. CloudFormation, Lambda and CloudWatch Logs are asked by plain HTTP: each is used for one
    /// call here, and their SDKs are large.
    pub(crate) async fn stack_outputs(&self, stack: &str) -> Result<HashMap<String, String>> {
        let answer = self
            .http
            .post(&self.endpoint)
            .header("authorization", authorization("cloudformation"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!(
                "Action=DescribeStacks&Version=2010-05-15&StackName={stack}"
            ))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(LocalError::aws("DescribeStacks"))?;
        outputs(&answer.text().await.map_err(LocalError::aws("DescribeStacks"))?)
    }

    /// All lines of a log group, oldest first.
    pub(crate) async fn log_lines(&self, group: &str) -> Result<Vec<String>> {
        let mut events = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page: LogPage = self
                .http
                .post(&self.endpoint)
                .header("authorization", authorization("logs"))
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "Logs_20140328.FilterLogEvents")
                .body(serde_json::json!({ "logGroupName": group, "nextToken": token }).to_string())
                .send()
                .await
                .and_then(reqwest::Response::error_for_status)
                .map_err(LocalError::aws("FilterLogEvents"))?
                .json()
                .await
                .map_err(LocalError::aws("FilterLogEvents"))?;
            events.extend(page.events);
            token = page.next_token;
            if token.is_none() {
                // Stable: the lines of one call have one time, and are in order already.
                events.sort_by_key(|event| event.timestamp);
                return Ok(events.into_iter().map(|event| event.message).collect());
            }
        }
    }

    /// Calls a function without waiting for its end.
    pub(crate) async fn call_function(&self, arn: &str) -> Result<()> {
        self.http
            .post(format!(
                "{}/2015-03-31/functions/{arn}/invocations",
                self.endpoint
            ))
            .header("authorization", authorization("lambda"))
            .header("x-amz-invocation-type", "Event")
            .body("{}")
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map(|_| ())
            .map_err(LocalError::aws("Invoke"))
    }

    /// Shortens the state machine's waits and the pauses before its retries to this share of what they are.
    pub(crate) async fn scale_waits(&self, share: f64) -> Result<()> {
        self.http
            .post(format!("{}/_ministack/config", self.endpoint))
            .json(&serde_json::json!({ "stepfunctions._SFN_WAIT_SCALE": share }))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map(|_| ())
            .map_err(LocalError::aws("configuring the emulator"))
    }

    /// Ends it and all functions.
    pub(crate) async fn end(self) {
        self.group.end().await;
    }
}

/// A page of FilterLogEvents.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogPage {
    #[serde(default)]
    events: Vec<LogEvent>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct LogEvent {
    timestamp: i64,
    message: String,
}

pub(crate) async fn free_port() -> std::io::Result<u16> {
    Ok(tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port())
}

/// Names service and account to the emulator, which doesn't check the root's signature.
pub(crate) fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ROOT_KEY}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, \
         Signature=unchecked"
    )
}

fn outputs(answer: &str) -> Result<HashMap<String, String>> {
    let document = roxmltree::Document::parse(answer).map_err(LocalError::aws("reading DescribeStacks"))?;
    let text = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|child| child.has_tag_name(("http://cloudformation.amazonaws.com/doc/2010-05-15/", name)))
            .and_then(|child| child.text())
            .map(str::to_owned)
    };
    Ok(document
        .descendants()
        .filter_map(|node| Some((text(node, "OutputKey")?, text(node, "OutputValue")?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_by_key() {
        let answer = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
            <DescribeStacksResult><Stacks><member><Outputs>
              <member><OutputKey>TasksTable</OutputKey><OutputValue>reach-Tasks-1</OutputValue></member>
              <member><OutputKey>Empty</OutputKey></member>
            </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"#;
        let outputs = outputs(answer).unwrap();
        assert_eq!(
            outputs.get("TasksTable").map(String::as_str),
            Some("reach-Tasks-1")
        );
        assert_eq!(outputs.len(), 1);
    }

    #[test]
    fn an_answer_that_is_no_xml_is_an_error() {
        assert_eq!(outputs("<html>").unwrap_err().name(), "Aws");
    }
}
