export declare function checkLayers(sources: ReadonlyMap<string, string>): string[];
