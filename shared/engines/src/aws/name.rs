//! What our things at Amazon are called: by the stack, so that the stacks of an account and region know their own.

use crate::job::JobId;

/// What job ids begin with, whoever works on them.
const EVERY_JOB: &str = "reach-";

/// What the names of that stack's things begin with. A stack's name has no dot, so no stack's prefix begins another's.
pub(super) fn prefix(stack: &str) -> String {
    format!("{stack}.")
}

/// The job's name at Transcribe: `reach-vendor.9292-1-recognise`.
pub(super) fn at_transcribe(stack: &str, job_id: &JobId) -> String {
    let job = job_id.as_str();
    format!("{}{}", prefix(stack), job.strip_prefix(EVERY_JOB).unwrap_or(job))
}

/// The job of that name at Transcribe, where it is this stack's; none for anybody else's.
pub fn job_at_transcribe(stack: &str, name: &str) -> Option<JobId> {
    let job = format!("{EVERY_JOB}{}", name.strip_prefix(&prefix(stack))?);
    JobId::parse(&job)?;
    Some(JobId::named(job))
}

/// The name of a job's terminology, which may hold letters, digits, hyphens and single underscores.
pub(super) fn at_translate(stack: &str, job_id: &JobId) -> String {
    at_transcribe(stack, job_id).replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{TaskId, WorkKind};

    #[test]
    fn a_stack_knows_its_own_jobs_and_no_others() {
        let job = JobId::new(&TaskId::new("9292"), 2, WorkKind::Recognise);
        let name = at_transcribe("reach-vendor", &job);
        assert_eq!(name, "reach-vendor.9292-2-recognise");
        assert_eq!(
            at_translate("reach-vendor", &job),
            "reach-vendor_9292-2-recognise"
        );
        assert_eq!(job_at_transcribe("reach-vendor", &name), Some(job));
        for (stack, name) in [
            ("reach", "reach-vendor.9292-2-recognise"),
            ("reach-vendor-staging", "reach-vendor.9292-2-recognise"),
            ("reach-vendor", "reach-vendor.9292-2-dance"),
            ("reach-vendor", "reach-vendor-9292-2-recognise"),
            ("reach-vendor", "somebodys"),
            ("reach-vendor", ""),
        ] {
            assert_eq!(job_at_transcribe(stack, name), None, "{stack}: {name}");
        }
    }
}
