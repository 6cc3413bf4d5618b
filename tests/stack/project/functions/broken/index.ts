throw new Error("it does not even start");
