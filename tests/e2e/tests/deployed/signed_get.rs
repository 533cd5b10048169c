//! The GET that we sign for Kaltura, against a server that checks signatures as S3 does: it opens one object to one method
//! at one host for 15 minutes, and to nobody else.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use pipeline::aws::s3::Bucket;
use pipeline::aws::sign::{Addressing, object_url, sign_get};
use pipeline::ports::{ObjectStore, SignedGet};
use reach_local::{LocalStack, REGION};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;

use crate::bed::Bed;

const ACCOUNT: &str = "000000000000";
const KEY: &str = "deliverables/1/1-en.srt";
const OTHER_KEY: &str = "deliverables/1/2-en.srt";
const CONTENT: &str = "1\n00:00:01,000 --> 00:00:02,000\nSigned.\n";
/// The answer that is the object.
const OPEN: &str = "200 with the object";
/// How long S3 takes a signature for, in either direction.
const LIFE: Duration = Duration::from_mins(15);
const MINUTE: Duration = Duration::from_mins(1);

pub async fn opens_just_what_was_signed(bed: &Bed) {
    let stack = &bed.stack;
    let http = Client::builder().no_proxy().build().unwrap();
    let name = stack.output("WorkBucket").unwrap();
    let bucket = Bucket::new(stack.sdk(), name);
    for key in [KEY, OTHER_KEY] {
        bucket.put(key, CONTENT.into(), "text/plain").await.unwrap();
    }
    let Readers { user, session } = Readers::make(&http, stack, name).await;
    let now = SystemTime::now();
    let url = |key: &str| {
        let addressing = Addressing::PathStyle {
            endpoint: stack.endpoint().to_owned(),
        };
        object_url(&addressing, REGION, name, key).unwrap()
    };
    let signed = |credentials: &Credentials, at| sign_get(url(KEY), REGION, credentials.clone(), at).unwrap();
    let get = async |signed: &SignedGet| send(&http, Method::GET, &signed.url, &signed.header_lines).await;

    let good = signed(&user, now);
    assert_eq!(get(&good).await, OPEN);

    for (age, at, answer) in [
        ("14 minutes old", now - LIFE + MINUTE, OPEN),
        ("16 minutes old", now - LIFE - MINUTE, "403 RequestTimeTooSkewed"),
        ("14 minutes ahead", now + LIFE - MINUTE, OPEN),
        (
            "16 minutes ahead",
            now + LIFE + MINUTE,
            "403 RequestTimeTooSkewed",
        ),
    ] {
        assert_eq!(get(&signed(&user, at)).await, answer, "{age}");
    }

    let liar = Credentials::new(user.access_key_id(), "another secret", None, None, "e2e");
    assert_eq!(get(&signed(&liar, now)).await, "403 SignatureDoesNotMatch");

    // The same headers with another request: only another name of the same server, only another object, …
    let host = good.url.replace("127.0.0.1", "localhost");
    let query = format!("{}?versionId=null", good.url);
    for (what, method, url, lines, answer) in [
        (
            "host",
            Method::GET,
            &host,
            &good.header_lines,
            "403 SignatureDoesNotMatch",
        ),
        (
            "key",
            Method::GET,
            &url(OTHER_KEY),
            &good.header_lines,
            "403 SignatureDoesNotMatch",
        ),
        (
            "query",
            Method::GET,
            &query,
            &good.header_lines,
            "403 SignatureDoesNotMatch",
        ),
        (
            "no headers",
            Method::GET,
            &good.url,
            &Vec::new(),
            "403 AccessDenied",
        ),
        // An answer to HEAD has no body that could say why.
        ("HEAD", Method::HEAD, &good.url, &good.header_lines, "403"),
        ("HEAD, no headers", Method::HEAD, &good.url, &Vec::new(), "403"),
    ] {
        assert_eq!(send(&http, method, url, lines).await, answer, "{what}");
    }

    assert_eq!(get(&signed(&session, now)).await, OPEN, "with a session token");
    let with_token = |token: Option<String>| {
        Credentials::new(
            session.access_key_id(),
            session.secret_access_key(),
            token,
            None,
            "e2e",
        )
    };
    let token = session.session_token().unwrap();
    let tampered: String = token.chars().rev().collect();
    assert_eq!(
        get(&signed(&with_token(Some(tampered.clone())), now)).await,
        "400 InvalidToken"
    );
    assert_eq!(
        get(&signed(&with_token(None), now)).await,
        "403 InvalidAccessKeyId"
    );
    let mut exchanged = signed(&session, now);
    for line in &mut exchanged.header_lines {
        *line = line.replace(token, &tampered);
    }
    assert_eq!(get(&exchanged).await, "400 InvalidToken");
}

/// Sends a request with the header lines that Kaltura would send. Answers [`OPEN`] for the object, else the status and, from
/// the body, the error's code.
async fn send(http: &Client, method: Method, url: &str, lines: &[String]) -> String {
    let mut request = http.request(method, url);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    if status == StatusCode::OK && body == CONTENT {
        return OPEN.to_owned();
    }
    format!("{} {}", status.as_u16(), text(&body, "Code").unwrap_or_default())
        .trim_end()
        .to_owned()
}

/// The credentials that the GETs are signed with. The account's root, by whom all else here is done, is never checked.
struct Readers {
    /// A user's key.
    user: Credentials,
    /// Temporary credentials of a role, as a function has them.
    session: Credentials,
}

impl Readers {
    /// Makes a user and a role that may read the bucket.
    async fn make(http: &Client, stack: &LocalStack, bucket: &str) -> Self {
        let allow = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{bucket}/*") },
            { "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" },
        ]})
        .to_string();
        let trust = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") } },
        ]})
        .to_string();
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/reader");
        let (user, role) = (("UserName", "reader"), ("RoleName", "reader"));
        let policy = [("PolicyName", "read"), ("PolicyDocument", allow.as_str())];
        let iam = async |action, fields: &[&[(&str, &str)]]| {
            call(http, stack, "iam", action, &fields.concat()).await
        };
        iam("CreateUser", &[&[user]]).await;
        iam("PutUserPolicy", &[&[user], &policy]).await;
        let key = iam("CreateAccessKey", &[&[user]]).await;
        iam("CreateRole", &[&[role, ("AssumeRolePolicyDocument", &trust)]]).await;
        iam("PutRolePolicy", &[&[role], &policy]).await;
        let assume = [("RoleArn", arn.as_str()), ("RoleSessionName", "e2e")];
        let session = call(http, stack, "sts", "AssumeRole", &assume).await;
        Self {
            user: credentials(&key),
            session: credentials(&session),
        }
    }
}

/// Calls an action of the query protocol as the account's root.
async fn call(
    http: &Client,
    stack: &LocalStack,
    service: &str,
    action: &str,
    fields: &[(&str, &str)],
) -> String {
    let version = if service == "iam" {
        "2010-05-08"
    } else {
        "2011-06-15"
    };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action)
        .append_pair("Version", version)
        .extend_pairs(fields);
    let answer = http
        .post(stack.endpoint())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", stack.root_authorization(service))
        .body(form.finish())
        .send()
        .await
        .unwrap();
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{action}: {status} {body}");
    body
}

/// The credentials in an answer of IAM or STS.
fn credentials(answer: &str) -> Credentials {
    Credentials::new(
        text(answer, "AccessKeyId").unwrap(),
        text(answer, "SecretAccessKey").unwrap(),
        text(answer, "SessionToken"),
        None,
        "e2e",
    )
}

/// The text of the first element of this name, whatever its namespace; `None` where there is none, or no XML.
fn text(xml: &str, name: &str) -> Option<String> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let node = document
        .descendants()
        .find(|node| node.tag_name().name() == name)?;
    node.text().map(str::to_owned)
}
