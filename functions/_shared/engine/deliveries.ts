// The messages that this isolate's workers hold: with `read_ct`, pgmq's count of deliveries, a step names whose it is.

interface Delivery {
  msg_id: number;
  read_ct: number;
  message: { job_id: string };
}

const held = new Map<string, Delivery>();

export const deliveries = {
  remember(queue: string, delivery: Delivery): void {
    held.set(`${queue} ${delivery.msg_id}`, delivery);
    held.set(`${queue} ${delivery.message.job_id}`, delivery);
  },
  ofMessage(queue: string, msgId: number): Delivery | undefined {
    return held.get(`${queue} ${msgId}`);
  },
  /** A pipeline's queue bears its name. */
  ofJob(queue: string, jobId: string): Delivery | undefined {
    return held.get(`${queue} ${jobId}`);
  },
  forget(queue: string, msgId: number): void {
    const delivery = held.get(`${queue} ${msgId}`);
    held.delete(`${queue} ${msgId}`);
    const ofJob = `${queue} ${delivery?.message.job_id}`;
    // The job's next message may have come meanwhile.
    if (held.get(ofJob)?.msg_id === msgId) held.delete(ofJob);
  },
};
