/** Tells the user what is going on; stdout is for results. */
export const say = (line: string) => console.error(`pageperfect: ${line}`);
