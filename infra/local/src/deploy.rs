//! The deployment: the local form of the real template, by the real `sam deploy`.

use std::ffi::OsStr;

use crate::emulator::{Emulator, REGION, ROOT_KEY};
use crate::error::Result;
use crate::layout::Layout;
use crate::program::{command, run};

/// The stack's name, as in the `local` profile of samconfig.toml.
pub(crate) const STACK: &str = "reach";

/// Deploys the template with these parameters. Safe to repeat: a second time updates the stack.
pub(crate) async fn deploy(
    layout: &Layout,
    emulator: &Emulator,
    parameters: &[(&str, String)],
) -> Result<()> {
    let template = layout.work.join("template");
    let mut localise = command(&layout.tool("deploy", "python")?, &[]);
    localise
        .arg("-B")
        .arg(layout.local().join("local_template.py"))
        .args([
            layout.root.join("template.yaml"),
            layout.binaries()?,
            template.clone(),
        ])
        .arg(emulator.endpoint());
    run(
        localise,
        "the local form of the template",
        &layout.log("template"),
    )
    .await?;

    // Nothing of the user's AWS set-up may get in: a profile could name a real account.
    let (nowhere, home) = (OsStr::new("/dev/null"), layout.work.join("home"));
    let environment = [
        ("HOME", home.as_os_str()),
        ("AWS_ENDPOINT_URL", OsStr::new(emulator.endpoint())),
        ("AWS_ACCESS_KEY_ID", OsStr::new(ROOT_KEY)),
        ("AWS_SECRET_ACCESS_KEY", OsStr::new(ROOT_KEY)),
        ("AWS_DEFAULT_REGION", OsStr::new(REGION)),
        ("AWS_CONFIG_FILE", nowhere),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
        ("AWS_EC2_METADATA_DISABLED", OsStr::new("true")),
        ("SAM_CLI_TELEMETRY", OsStr::new("0")),
    ];
    let mut sam = command(&layout.tool("deploy", "sam")?, &environment);
    sam.current_dir(&template)
        .args([
            "deploy",
            "--template-file",
            "template.json",
            "--stack-name",
            STACK,
            "--config-env",
            "local",
        ])
        .arg("--config-file")
        .arg(layout.root.join("samconfig.toml"))
        .arg("--parameter-overrides")
        .args(parameters.iter().map(|(name, value)| format!("{name}={value}")));
    run(sam, "sam deploy", &layout.log("deploy")).await
}
