-- The six stages: who works them, how many at once, how they are retried. Rows already there are an operator's and stay.

insert into pipeline.stage_config (
  stage, queue, worker, max_concurrency, trigger_batch_size,
  pipeline, position, next_stage, max_attempts, retry_delay_seconds, max_retry_delay_seconds, retry_hook)
values
  ('submit_crawl', 'pageperfect', 'pageperfect-submit-crawl-worker', 3, 1,
    'pageperfect', 1, 'wait_crawl', 5, 5, 300, null),
  ('wait_crawl', 'pageperfect', 'pageperfect-wait-crawl-worker', 2, 1,
    'pageperfect', 2, 'segment_embed', 3, 30, 900, 'pipeline.resubmit_crawl'),
  ('segment_embed', 'pageperfect', 'pageperfect-segment-embed-worker', 3, 1,
    'pageperfect', 3, 'keyword_clustering', 5, 10, 900, null),
  ('keyword_clustering', 'pageperfect', 'pageperfect-keyword-clustering-worker', 2, 1,
    'pageperfect', 4, 'gap_analysis', 5, 10, 900, null),
  ('gap_analysis', 'pageperfect', 'pageperfect-gap-analysis-worker', 2, 1,
    'pageperfect', 5, 'rewrite_draft', 5, 5, 300, null),
  ('rewrite_draft', 'pageperfect', 'pageperfect-rewrite-draft-worker', 2, 1,
    'pageperfect', 6, null, 5, 10, 900, null)
on conflict (pipeline, stage) do nothing;
