use pageperfect_policy::crawl::{RobotsFile, Wait, robots_file, scraper_refusal, wait};
use pageperfect_policy::error::{ErrorKind, classify_error};

#[test]
fn a_crawl_is_waited_for_by_its_own_time_alone() {
    assert_eq!(wait(Some("completed"), None, 3), Wait::Done);
    assert_eq!(wait(Some("failed"), Some(1.0), 0), Wait::Failed);
    let sleep = |wait| match wait {
        Wait::Sleep {
            delay_seconds,
            poll_count,
            ..
        } => (delay_seconds, poll_count),
        other => panic!("{other:?}"),
    };
    assert_eq!(sleep(wait(Some("pending"), None, 2)), (900, 2));
    assert_eq!(sleep(wait(Some("processing"), Some(0.0), 0)), (5, 1));
    assert_eq!(sleep(wait(Some("processing"), Some(299.0), 7)), (60, 8));
    let code = |wait| match wait {
        Wait::GiveUp { code, .. } => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        code(wait(Some("processing"), Some(300.0), 7)),
        "crawl_timeout"
    );
    assert_eq!(code(wait(None, None, 0)), "invalid_input");
}

#[test]
fn what_an_answer_says_of_robots_txt() {
    for (status, file) in [
        (200, RobotsFile::There),
        (204, RobotsFile::There),
        (304, RobotsFile::None),
        (401, RobotsFile::None),
        (404, RobotsFile::None),
        (429, RobotsFile::Unavailable),
        (500, RobotsFile::Unavailable),
        (503, RobotsFile::Unavailable),
    ] {
        assert_eq!(robots_file(status), file, "{status}");
    }
}

#[test]
fn scraperapis_statuses() {
    let code = |status| scraper_refusal(status, false).map(|refusal| refusal.code);
    for site in [200, 404, 410] {
        assert_eq!(code(site), None, "{site}");
    }
    let kind = |status| classify_error(Some(status), code(status));
    for (status, of, kind_of) in [
        (400, "scraper_rejected", ErrorKind::Permanent),
        (401, "scraper_unauthorized", ErrorKind::Permanent),
        (403, "scraper_unauthorized", ErrorKind::Permanent),
        (429, "scraper_busy", ErrorKind::Transient),
        (500, "scraper_failed", ErrorKind::Transient),
        (599, "scraper_failed", ErrorKind::Transient),
    ] {
        assert_eq!(code(status), Some(of), "{status}");
        assert_eq!(kind(status), kind_of, "{status}");
    }
    let hint = |is_ultra_premium| scraper_refusal(500, is_ultra_premium).unwrap().message;
    assert!(hint(false).contains("premium") && !hint(true).contains("premium"));
}
