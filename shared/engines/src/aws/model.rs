//! A model of Amazon Bedrock that answers by a form.
//!
//! It must call a tool whose schema is the form, so that there is no prose to read an answer out of. The schema binds the
//! better models only: whoever asks checks the answer.

use std::collections::HashMap;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message, SpecificToolChoice, SystemContentBlock,
    Tool, ToolChoice, ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::{Document, Number};
use serde_json::Value;

use super::fault::{unavailable, unbuilt, unreadable};
use crate::error::Result;

/// The most tokens of an answer.
const MAX_TOKENS: i32 = 4_096;

/// What a model is to answer by.
pub(super) struct Form {
    /// The tool's name.
    pub(super) name: &'static str,
    /// What the tool does.
    pub(super) description: &'static str,
    /// The JSON schema of the answer.
    pub(super) schema: Value,
}

/// A model of Bedrock.
#[derive(Debug, Clone)]
pub(super) struct Model {
    client: Client,
    model_id: String,
}

impl Model {
    pub(super) fn new(client: Client, model_id: String) -> Self {
        Self { client, model_id }
    }

    /// What did the work, for results.
    pub(super) fn version(&self) -> String {
        format!("bedrock {}", self.model_id)
    }

    /// Asks once, and answers what the model put into the form, unchecked. `system` says what to do, `content` on what.
    pub(super) async fn ask(&self, system: String, content: Vec<ContentBlock>, form: Form) -> Result<Value> {
        let action = "ask a model";
        let tool = ToolSpecification::builder()
            .name(form.name)
            .description(form.description)
            .input_schema(ToolInputSchema::Json(document(&form.schema)))
            .build()
            .map_err(unbuilt(action))?;
        let choice = SpecificToolChoice::builder()
            .name(form.name)
            .build()
            .map_err(unbuilt(action))?;
        let tools = ToolConfiguration::builder()
            .tools(Tool::ToolSpec(tool))
            .tool_choice(ToolChoice::Tool(choice))
            .build()
            .map_err(unbuilt(action))?;
        let message = Message::builder()
            .role(ConversationRole::User)
            .set_content(Some(content))
            .build()
            .map_err(unbuilt(action))?;
        let inference = InferenceConfiguration::builder()
            .max_tokens(MAX_TOKENS)
            .temperature(0.0)
            .build();
        let answer = self
            .client
            .converse()
            .model_id(&self.model_id)
            .system(SystemContentBlock::Text(system))
            .messages(message)
            .inference_config(inference)
            .tool_config(tools)
            .send()
            .await
            .map_err(unavailable(action))?;
        let stop = answer.stop_reason().as_str().to_owned();
        let blocks = answer
            .output
            .as_ref()
            .and_then(|output| output.as_message().ok())
            .map(Message::content)
            .unwrap_or_default();
        let used = blocks
            .iter()
            .find_map(|block| block.as_tool_use().ok().filter(|used| used.name() == form.name));
        match used {
            Some(used) if stop == "tool_use" => Ok(value(used.input())),
            _ => Err(unreadable(
                "bedrock",
                format!("no {} in the answer, which stopped by `{stop}`", form.name),
            )),
        }
    }
}

fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(fields) => Document::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), document(value)))
                .collect::<HashMap<_, _>>(),
        ),
    }
}

fn value(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::Number(Number::PosInt(number)) => (*number).into(),
        Document::Number(Number::NegInt(number)) => (*number).into(),
        Document::Number(Number::Float(number)) => (*number).into(),
        Document::String(text) => Value::String(text.clone()),
        Document::Array(items) => Value::Array(items.iter().map(value).collect()),
        Document::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), value(field)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_the_same_after_it_was_a_document() {
        let json = json!({"a": [1, -2, 0.5, true, null, "x"], "b": {"c": []}});
        assert_eq!(value(&document(&json)), json);
    }
}
