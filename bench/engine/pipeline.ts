// What every part of the benchmark works on: the content pipeline, six stages without work of their own.

export const pipeline = "content";
export const queue = "q_content";
export const stages = ["research", "outline", "draft", "qa", "export", "complete"];
export const workerCount = 8;
