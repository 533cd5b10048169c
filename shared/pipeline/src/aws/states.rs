//! Step Functions: executions, and the end of a wait.

use async_trait::async_trait;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::types::ExecutionStatus;
use kaltura::TaskId;

use super::failed;
use crate::error::{Class, Result};
use crate::ports::{Completions, ExecutionState, Executions, WorkState};
use crate::steps::StepInput;

const SERVICE: &str = "states";

/// The state machine at `arn`.
#[derive(Debug, Clone)]
pub struct StateMachine {
    client: Client,
    arn: String,
}

impl StateMachine {
    /// The state machine at `arn`.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self {
            client,
            arn: arn.into(),
        }
    }

    /// An execution's ARN is its state machine's with another word and its name.
    fn execution_arn(&self, task_id: &TaskId, attempt: u32) -> String {
        let machine = self.arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{}", StepInput::execution_name(task_id, attempt))
    }
}

#[async_trait]
impl Executions for StateMachine {
    async fn start(&self, task_id: &TaskId, attempt: u32) -> Result<()> {
        let outcome = self
            .client
            .start_execution()
            .state_machine_arn(&self.arn)
            .name(StepInput::execution_name(task_id, attempt))
            .input(
                StepInput {
                    task_id: task_id.clone(),
                    attempt,
                }
                .to_json(),
            )
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            // A running execution of the same name and input is answered as a success; an ended one like this. Either
            // way the attempt has its execution.
            Err(SdkError::ServiceError(error)) if error.err().is_execution_already_exists() => Ok(()),
            Err(error) => Err(failed(SERVICE, "StartExecution")(error)),
        }
    }

    async fn look(&self, task_id: &TaskId, attempt: u32) -> Result<ExecutionState> {
        let arn = self.execution_arn(task_id, attempt);
        match self.client.describe_execution().execution_arn(arn).send().await {
            Ok(execution) if *execution.status() == ExecutionStatus::Running => Ok(ExecutionState::Running),
            Ok(_) => Ok(ExecutionState::Ended),
            Err(SdkError::ServiceError(error)) if error.err().is_execution_does_not_exist() => {
                Ok(ExecutionState::Missing)
            }
            Err(error) => Err(failed(SERVICE, "DescribeExecution")(error)),
        }
    }

    async fn stop(&self, task_id: &TaskId, attempt: u32, why: &str) -> Result<()> {
        let arn = self.execution_arn(task_id, attempt);
        let stop = self
            .client
            .stop_execution()
            .execution_arn(arn)
            .error("Stopped")
            .cause(why);
        match stop.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_execution_does_not_exist() => Ok(()),
            Err(error) => Err(failed(SERVICE, "StopExecution")(error)),
        }
    }
}

/// The waits of the state machine.
#[derive(Debug, Clone)]
pub struct Waits {
    client: Client,
}

impl Waits {
    /// The waits of this account.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Completions for Waits {
    async fn succeed(&self, token: &engines::CompletionToken, state: WorkState) -> Result<()> {
        // The result itself stands in the record.
        match self
            .client
            .send_task_success()
            .task_token(token.expose())
            .output(state.to_json())
            .send()
            .await
        {
            Err(SdkError::ServiceError(error))
                if error.err().is_task_does_not_exist() || error.err().is_task_timed_out() =>
            {
                nobody_waits();
                Ok(())
            }
            outcome => outcome.map(|_| ()).map_err(failed(SERVICE, "SendTaskSuccess")),
        }
    }

    async fn fail(&self, token: &engines::CompletionToken, class: Class, name: &str) -> Result<()> {
        let call = self
            .client
            .send_task_failure()
            .task_token(token.expose())
            .error(class.name())
            .cause(name);
        match call.send().await {
            Err(SdkError::ServiceError(error))
                if error.err().is_task_does_not_exist() || error.err().is_task_timed_out() =>
            {
                nobody_waits();
                Ok(())
            }
            outcome => outcome.map(|_| ()).map_err(failed(SERVICE, "SendTaskFailure")),
        }
    }
}

fn nobody_waits() {
    tracing::info!("nobody waits for this completion any more");
}
